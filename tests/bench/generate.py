"""Writes the same graph of resources as a Cofferdam stack and as a Terraform configuration.

Shapes, all of them the same on every run:

  groups  services of ten: one root that refers to the first resource of all, and nine members that each refer to the
          root and to the member before. The usual form of a real stack, at most eleven deep.
  flat    no references at all.
  deep    layers of fifty; each resource refers to up to three of the layer above.
  chain   each resource refers to the one before: nothing can be done in parallel.

References are written as expressions, never as `depends_on`, so that values travel as in a real stack.
"""

import argparse
from pathlib import Path

SHAPES = ("groups", "flat", "deep", "chain")
GROUP = 10
LAYER = 50

TERRAFORM_NULL = """\
terraform {
  required_providers {
    null = {
      source = "hashicorp/null"
    }
  }
}
"""


def references(shape, index):
    """The resources that resource number `index` refers to, in order."""
    if shape == "chain":
        return [index - 1] if index else []
    if shape == "groups":
        root = index - index % GROUP
        if index != root:
            return sorted({root, index - 1})
        return [0] if index else []
    if shape == "deep":
        above = index - index % LAYER - LAYER
        places = [index % LAYER, (index * 7 + 3) % LAYER, (index * 13 + 5) % LAYER]
        return sorted({above + place for place in places}) if above >= 0 else []
    return []


def values(count, changed):
    """One text a resource; with `changed`, the one in the middle is another."""
    middle = count // 2
    return [f"value-{i}-changed" if changed and i == middle else f"value-{i}" for i in range(count)]


def stack(shape, count, changed=False):
    """The text of `stack.hcl`."""
    blocks = ['stack "bench" {}']
    for index, value in enumerate(values(count, changed)):
        others = ",".join(f"${{null_resource.r{other}.id}}" for other in references(shape, index))
        blocks.append(
            f'resource "null_resource" "r{index}" {{\n'
            f'  triggers = {{ value = "{value}", others = "{others}", environment = "bench", number = "{index}" }}\n'
            f"}}"
        )
    return "\n\n".join(blocks) + "\n"


def terraform(shape, count, changed=False, resource="terraform_data"):
    """The text of `main.tf`. `terraform_data` needs no provider; `null_resource` is the very counterpart."""
    argument, identity = ("triggers", "id") if resource == "null_resource" else ("input", "id")
    blocks = [TERRAFORM_NULL] if resource == "null_resource" else []
    for index, value in enumerate(values(count, changed)):
        others = ",".join(f"${{{resource}.r{other}.{identity}}}" for other in references(shape, index))
        blocks.append(
            f'resource "{resource}" "r{index}" {{\n'
            f'  {argument} = {{ value = "{value}", others = "{others}", environment = "bench", number = "{index}" }}\n'
            f"}}"
        )
    return "\n\n".join(blocks) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where to write stack.hcl and main.tf")
    parser.add_argument("--n", type=int, default=100, help="how many resources (default: 100)")
    parser.add_argument("--shape", choices=SHAPES, default="groups")
    parser.add_argument("--terraform-resource", choices=("terraform_data", "null_resource"), default="terraform_data")
    parser.add_argument("--changed", action="store_true", help="with another value in the middle")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    main_tf = terraform(args.shape, args.n, args.changed, args.terraform_resource)
    (args.folder / "stack.hcl").write_text(stack(args.shape, args.n, args.changed), encoding="utf-8")
    (args.folder / "main.tf").write_text(main_tf, encoding="utf-8")


if __name__ == "__main__":
    main()
