/** Where things are inside the sandbox: the tree in one folder, what is ours beside it. */

export const TREE = "tree";
/** Files of other sources, by the names that they are referred to. */
export const REFS = "refs";
/** What the Application itself says: values, overlays. */
export const INPUT = "input";
