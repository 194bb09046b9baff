/** Finds keys that a YAML mapping has twice: the last one wins, as in JSON. Pure. */
import { type Document, isMap, isPair, isScalar, isSeq, type Node, visit } from "yaml";

/** Only the first few are reported, as upstream does. */
const MAX_REPORTED = 10;

/** Paths of the duplicates, e.g. `spec.replicas`. */
export function duplicateYamlKeys(document: Document): string[] {
  const found: string[] = [];
  visit(document, {
    Map(_key, map, ancestors) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = nameOf(key);
        if (seen.has(name)) found.push(pathOf([...ancestors, map], name));
        seen.add(name);
        if (found.length >= MAX_REPORTED) return visit.BREAK;
      }
      return undefined;
    },
  });
  return found;
}

const nameOf = (key: unknown): string => (isScalar(key) ? String(key.value) : String(key));

/** `ancestors` run from the document to the mapping itself: pairs name keys, lists count. */
function pathOf(ancestors: readonly unknown[], name: string): string {
  let path = "";
  ancestors.forEach((ancestor, index) => {
    if (isPair(ancestor)) path += `${path === "" ? "" : "."}${nameOf(ancestor.key)}`;
    else if (isSeq(ancestor) && !isMap(ancestor))
      path += `[${ancestor.items.indexOf(ancestors[index + 1] as Node)}]`;
  });
  return path === "" ? name : `${path}.${name}`;
}
