/** Where a generated object is written in the repository: found by what it is, in the file that it came from. */
import type { Position } from "../check/finding.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { FileObject, ManifestFile } from "./manifest-file.ts";

/**
 * The object of a file that a generated one was made from: same kind, and the name that is most like
 * it, since overlays add prefixes and suffixes.
 */
export function objectBehind(
  file: ManifestFile,
  { kind, metadata }: KubeObject,
): FileObject | undefined {
  const ofKind = file.objects.filter(({ object }) => object.kind === kind);
  const exact = ofKind.find(({ object }) => object.metadata.name === metadata.name);
  if (exact !== undefined) return exact;
  const within = ofKind
    .filter(({ object }) => metadata.name.includes(object.metadata.name))
    .sort((a, b) => b.object.metadata.name.length - a.object.metadata.name.length);
  return within[0] ?? ofKind[0];
}

/**
 * The line of a template on which the n-th object of a kind begins: templates are no YAML, but they
 * write `kind: Deployment` out all the same.
 */
export function templateLine(text: string, { kind, metadata }: KubeObject, nth: number): Position {
  const lines = text.split("\n");
  const kinds: number[] = [];
  lines.forEach((line, index) => {
    const written = /^\s*"?kind"?:\s*["']?([A-Za-z]+)/.exec(line)?.[1];
    if (written === kind) kinds.push(index);
  });
  // Of several, the one whose name is written out, else by count.
  const byName = kinds.find((at) =>
    lines.slice(Math.max(0, at - 6), at + 12).some((line) => nameWritten(line, metadata.name)),
  );
  const at = byName ?? kinds[Math.min(nth, kinds.length - 1)];
  return at === undefined ? { line: 1, column: 1 } : { line: startOf(lines, at) + 1, column: 1 };
}

function nameWritten(line: string, name: string): boolean {
  return /^\s*name:\s*["']?([^\s"']+)/.exec(line)?.[1] === name;
}

/** The document's first line with content: `apiVersion` mostly stands above `kind`. */
function startOf(lines: readonly string[], at: number): number {
  let first = at;
  while (first > 0 && /^\s*"?(?:apiVersion|kind)"?:/.test(lines[first - 1] ?? "")) first--;
  return first;
}
