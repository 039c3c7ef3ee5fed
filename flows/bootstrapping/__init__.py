"""From footage to a promoted editor: the steps as data, what the catalog says is done, and the chain over them."""
