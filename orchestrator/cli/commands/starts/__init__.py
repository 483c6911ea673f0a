"""Starting runs: for one person, for all people in an HR export, or as a preview."""
