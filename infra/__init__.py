"""Where things run: Ray on this machine or a cluster, profiles, and in `engine` what runs the stages."""
