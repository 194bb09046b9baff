/** Finds keys that a JSON object has twice, which `JSON.parse` silently lets pass. Pure. */

/** Only the first few are reported, as upstream does. */
const MAX_REPORTED = 10;

/** Paths of the duplicates, e.g. `spec.replicas`. The text must be valid JSON. */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  const stack: { keys: Set<string> | undefined; path: string; key: string; index: number }[] = [];
  const keyPattern = /"(?:[^"\\]|\\.)*"/y;
  let expectsKey = false;
  for (let at = 0; at < text.length && found.length < MAX_REPORTED; at++) {
    const top = stack.at(-1);
    switch (text[at]) {
      case "{":
      case "[":
        stack.push({
          keys: text[at] === "{" ? new Set() : undefined,
          path: top === undefined ? "" : pathOf(top),
          key: "",
          index: 0,
        });
        expectsKey = text[at] === "{";
        break;
      case "}":
      case "]":
        stack.pop();
        expectsKey = false;
        break;
      case ",":
        if (top !== undefined && top.keys === undefined) top.index++;
        expectsKey = top?.keys !== undefined;
        break;
      case '"': {
        keyPattern.lastIndex = at;
        const quoted = keyPattern.exec(text)?.[0] ?? '""';
        if (expectsKey && top?.keys !== undefined) {
          top.key = JSON.parse(quoted) as string;
          if (top.keys.has(top.key)) found.push(pathOf(top));
          top.keys.add(top.key);
          expectsKey = false;
        }
        at += quoted.length - 1;
        break;
      }
      default:
    }
  }
  return found;
}

function pathOf(frame: { keys: unknown; path: string; key: string; index: number }): string {
  if (frame.keys === undefined) return `${frame.path}[${frame.index}]`;
  return frame.path === "" ? frame.key : `${frame.path}.${frame.key}`;
}
