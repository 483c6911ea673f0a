"""IAM Identity Center of AWS: the users of its directory, and their access to AWS accounts and applications."""
