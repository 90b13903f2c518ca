"""Checks Kubernetes manifests against the API's own schemas, and writes what a test looks at, as JSON."""

import json
import sys

import kubernetes_validate
import yaml

VERSION = "1.31"

found = []
with open(sys.argv[1]) as file:
    for resource in yaml.safe_load_all(file):
        kubernetes_validate.validate(resource, VERSION, strict=True)
        spec = resource.get("spec", {}).get("template", {}).get("spec")
        if spec:
            found.append({"kind": resource["kind"], "name": resource["metadata"]["name"], "spec": spec})
json.dump(found, sys.stdout)
