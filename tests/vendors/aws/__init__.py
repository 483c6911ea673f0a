"""A simulator of the IAM of one AWS account, written from AWS's own documents.

    from tests.vendors.aws.seeds import seed_aws
    from tests.vendors.aws.simulator import AwsSimulator

    async with AwsSimulator().start() as aws:
        seed = seed_aws(aws, people)
        isa = seed.user("E-1015")
        aws.faults.limit(path="/ListAccessKeys")  # a path is the name of the action
        ...  # connect to aws.url with seed.key, for IAM and STS
        assert isa.keys[0].status == "Inactive"  # account.py has the state

The description is botocore's model of the services (its files `service-2.json`). It
reads requests and checks answers: leaving `start()` fails if one differed. Signatures and policies are checked as AWS
documents it, those of temporary credentials included.

Proof from outside: `signing.call(aws, key, "ListUsers")` sends a request with a person's own access key or session;
`aws.state.sign_in(name, password, aws.now())` is the console, and returns the session's credentials.

Beyond the documents, the simulator does this: a deleted or inactive access key is refused with InvalidClientTokenId. A
change is visible at once unless a fault says otherwise (`faults.stay_stale`).

Not simulated: policies of organizations and resources, permissions boundaries in decisions, conditions other than
`DateLessThan` on `aws:TokenIssueTime`, AssumeRole, the limits of IAM.
"""
