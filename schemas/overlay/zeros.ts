/**
 * Fields that are plain values in Go and have a default, so that `""` or `0` in a manifest counts as
 * absent and is defaulted. Every field with an enumeration that lacks `""` is one too.
 */
import type { ByModule } from "./by-module.ts";

export const zeros: ByModule<readonly string[]> = {
  "core/v1": {
    Container: ["terminationMessagePath"],
    EphemeralContainer: ["terminationMessagePath"],
    HTTPGetAction: ["path"],
    ObjectFieldSelector: ["apiVersion"],
    PodSpec: ["schedulerName"],
    Probe: ["failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds"],
    Secret: ["type"],
  },
};
