/** Kinds whose declaration names its `apiVersion` and `kind` as plain strings. */
import type { ByModule } from "./by-module.ts";

export const kinds: ByModule<
  readonly { readonly group: string; readonly version: string; readonly kind: string }[]
> = {
  "meta/v1": { Status: [{ group: "", version: "v1", kind: "Status" }] },
};
