"""IAM users of AWS accounts."""
