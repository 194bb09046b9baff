/** What newer versions dropped from types that still exist; "" drops the type itself. */
import type { ByModule } from "./by-module.ts";

export const removed: ByModule<readonly string[]> = {
  "core/v1": {
    // Dynamic resource allocation was reworked in 1.31; the two names moved up one level.
    ClaimSource: [""],
    PodResourceClaim: ["source"],
  },
};
