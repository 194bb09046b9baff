/**
 * Patterns in custom resource definitions come from whoever may write to a repository. Upstream's
 * RE2 matches them in linear time; V8 takes exponential time for `^(a+)+$`, during which nothing
 * else is served. With this flag V8 goes over to its own linear engine after 50,000 backtracks. It
 * cannot for lookaround and backreferences, which RE2 has not and definitions may not use either.
 */
import { setFlagsFromString } from "node:v8";

/** For the whole process, and for regular expressions made from now on. */
export function matchPatternsInLinearTime(): void {
  setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");
}
