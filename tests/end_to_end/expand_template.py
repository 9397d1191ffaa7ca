"""Expands a SAM template to plain CloudFormation, offline, and prints it as JSON.

`cfn-lint` checks a serverless function only in part: a wrong runtime, for one, passes. In the
expanded template it checks the function that will really be made.
"""

import json
import os
import sys

from cfnlint.decode.cfn_yaml import load
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """The template names none, so the account need not be asked for the list of them."""

    def load(self):
        return {}


def main(path):
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = json.loads(json.dumps(load(path)))
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            # The translator refuses local paths: uploading is the deployment's part.
            properties["CodeUri"] = "s3://bucket/key.zip"
    print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=2))


if __name__ == "__main__":
    main(sys.argv[1])
