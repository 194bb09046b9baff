/** The parts of a jq expression, as parsed. */
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

export type JqNode =
  /** `.` */
  | { readonly op: "identity" }
  /** `..` */
  | { readonly op: "recurse" }
  | { readonly op: "literal"; readonly value: string | number | boolean | null }
  /** `of.name`, `of["name"]`, `of[1]`; the key is evaluated over the same input as `of`. */
  | { readonly op: "index"; readonly of: JqNode; readonly key: JqNode }
  /** `of[]` */
  | { readonly op: "each"; readonly of: JqNode }
  /** `of?` */
  | { readonly op: "optional"; readonly of: JqNode }
  | { readonly op: "pipe"; readonly from: JqNode; readonly to: JqNode }
  | { readonly op: "comma"; readonly left: JqNode; readonly right: JqNode }
  /** `left // right` */
  | { readonly op: "alternative"; readonly left: JqNode; readonly right: JqNode }
  | { readonly op: "and" | "or"; readonly left: JqNode; readonly right: JqNode }
  | {
      readonly op: "compare";
      readonly comparison: Comparison;
      readonly left: JqNode;
      readonly right: JqNode;
    }
  | { readonly op: "call"; readonly name: string; readonly args: readonly JqNode[] };

/** Whether what comes out are places in the input, as opposed to values made of it. */
export function isPath(node: JqNode): boolean {
  switch (node.op) {
    case "identity":
    case "recurse":
      return true;
    case "index":
    case "each":
    case "optional":
      return isPath(node.of);
    case "pipe":
      return isPath(node.from) && isPath(node.to);
    case "comma":
    case "alternative":
      return isPath(node.left) && isPath(node.right);
    case "call":
      return (
        node.name === "select" ||
        node.name === "empty" ||
        node.name === "recurse" ||
        node.name === "last" ||
        (node.name === "first" && node.args.every(isPath))
      );
    default:
      return false;
  }
}
