/** Identifies what an Application asks for. Its generation does not: each requested operation counts it up. */
import type { Application } from "../kube/kinds/application.ts";
import { sha256 } from "./plan/desired.ts";

/** Enough to tell the few specs that one Application ever has apart. */
const HASH_CHARACTERS = 16;

export function specHash({ spec }: Application): string {
  return sha256(JSON.stringify(spec)).slice(0, HASH_CHARACTERS);
}
