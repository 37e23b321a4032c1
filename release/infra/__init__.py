"""What the templates of a commit are, what cfn-lint finds in them, and what differs between two commits."""
