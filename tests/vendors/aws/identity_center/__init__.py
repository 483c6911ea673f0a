"""A simulator of one instance of IAM Identity Center, written from AWS's own documents.

    from tests.vendors.aws.identity_center.seeds import seed_identity_center
    from tests.vendors.aws.identity_center.simulator import IdentityCenterSimulator

    async with IdentityCenterSimulator().start() as aws:
        seed = seed_identity_center(aws, people)
        isa = seed.user("E-1015")
        aws.faults.limit(path="/identitystore:DeleteUser")  # a path is the service and the action
        ...  # connect to aws.url with seed.key, for the Identity Store, IAM Identity Center, STS and IAM
        assert isa.id not in aws.state.people  # directory.py has the state

The description is botocore's model of `identitystore` and `sso-admin`. Signatures and the policies of Offboard's own
user are checked as in the simulator of IAM (`tests/vendors/aws`), whose account is the management account here.

Proof from outside: `aws.state.sign_in(name, password)` is the AWS access portal; `aws.state.roles_of(user)` are the
roles that a person can take on; `aws.state.session_works(session, aws.now())` is a session of a role, which lasts as
long as the permission set says, whatever happens to the user.

Beyond the documents, the simulator does this: an assignment is listed until it is deleted; a second deletion of it
during the first is refused with ConflictException; deleting a user leaves its assignments where they are.

Not simulated: the encryption with keys of the customer, resources in policies other than the store and the instance,
assignments of the management account, creating anything.
"""
