/**
 * What a rendering was made of, as object ids: enough to tell from a new commit's tree that it would
 * come out the same, without reading a file. This is how a commit costs only the Applications whose
 * files it touched.
 */
import type { Tree } from "../source/source.ts";

export interface Footmark {
  /** Of a directory or file, from the root of the tree; `""` is the root. No symlink is followed. */
  readonly path: string;
  /** Undefined: nothing stood there, and that mattered. */
  readonly id: string | undefined;
  /** Of a directory: what of it matters. @default all of it */
  readonly parts?: Footprint;
}

export type Footprint = readonly Footmark[];

/** Nothing that the rendering depends on differs in this tree. */
export async function isUntouched(footprint: Footprint, tree: Tree): Promise<boolean> {
  for (const { path, id, parts } of footprint) {
    if ((await idAt(tree, path)) === id) continue;
    if (parts === undefined || !(await isUntouched(parts, tree))) return false;
  }
  return true;
}

/** All of what stands at a path. */
export async function footmark(tree: Tree, path: string): Promise<Footmark> {
  return { path, id: await idAt(tree, path) };
}

/** Parts of a directory, or of the whole tree for `""`. */
export async function partsOf(tree: Tree, path: string, parts: Footprint): Promise<Footmark> {
  return { path, id: await idAt(tree, path), parts };
}

async function idAt(tree: Tree, path: string): Promise<string | undefined> {
  return path === "" ? tree.id : (await tree.entry(path))?.id;
}
