"""Rows as pictures: contact sheets, mosaics, and the page on which people judge masks."""
