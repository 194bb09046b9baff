/** Reads a row of `overlay/lists.ts`. */
import type { Schema } from "../../src/kube/schema/schema.ts";

const ROW =
  /^(atomic|set|map\(([\w,]+)\))(?: (?!duplicates)([a-zA-Z,]+?)(?:\((\w+)\))?)?( duplicates)?$/;

/**
 * The list extensions for `map(name) merge(name)` and its like.
 * @throws Error when the row does not follow the grammar
 */
export function mergeRow(row: string): Schema {
  const match = ROW.exec(row);
  if (match === null) throw new Error(`overlay/lists.ts: cannot read "${row}"`);
  const [, listType = "", keys, strategy, mergeKey, duplicates] = match;
  return {
    ...(keys === undefined ? {} : { "x-kubernetes-list-map-keys": keys.split(",") }),
    "x-kubernetes-list-type": keys === undefined ? (listType as "atomic" | "set") : "map",
    ...(mergeKey === undefined ? {} : { "x-kubernetes-patch-merge-key": mergeKey }),
    ...(strategy === undefined ? {} : { "x-kubernetes-patch-strategy": strategy }),
    ...(duplicates === undefined ? {} : { "x-gantry-duplicates-allowed": true }),
  };
}
