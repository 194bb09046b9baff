/** Secrets that stand in manifests in the clear. The findings name the place, never the text. */
import { isObject } from "../../../kube/json-object.ts";
import { parseApiVersion } from "../../../kube/object.ts";
import { fieldOf } from "./pod-specs.ts";
import { containerRule, type ScanProblem, type ScanRule } from "./scan-rule.ts";
import { hasPasswordInAddress, isNamedSecret, tokenIn } from "./secret-text.ts";

/** Entries of one map that are looked at. */
const MAX_ENTRIES = 5000;

export const secretRules: readonly ScanRule[] = [
  containerRule(
    {
      id: "secret-in-env",
      hidesValue: true,
      severity: "warning",
      advice:
        "Keep it in a Secret (encrypted with SOPS in Git), and read it by valueFrom.secretKeyRef",
    },
    ({ container, path }) => {
      const env = fieldOf(container, "env");
      const list: readonly unknown[] = Array.isArray(env) ? env.slice(0, MAX_ENTRIES) : [];
      for (const [index, variable] of list.entries()) {
        const [name, value] = [fieldOf(variable, "name"), fieldOf(variable, "value")];
        if (typeof name !== "string" || typeof value !== "string") continue;
        const what = secretIn(name, value);
        if (what === undefined) continue;
        const message = `the variable ${JSON.stringify(name.slice(0, 100))} holds ${what} in the clear`;
        return { message, path: `${path}.env[${index}].value` };
      }
      return undefined;
    },
  ),
  {
    id: "secret-in-configmap",
    hidesValue: true,
    severity: "warning",
    advice: "Move it to a Secret, encrypted with SOPS in Git",
    check: (object) => {
      const { group } = parseApiVersion(object.apiVersion);
      if (object.kind !== "ConfigMap" || group !== "") return [];
      const data = fieldOf(object, "data");
      if (!isObject(data)) return [];
      return Object.entries(data)
        .slice(0, MAX_ENTRIES)
        .flatMap(([key, value]): ScanProblem[] => {
          const what = typeof value === "string" ? secretIn(key, value) : undefined;
          const named = JSON.stringify(key.slice(0, 100));
          const message = `the key ${named} holds ${what ?? ""} in the clear`;
          return what === undefined ? [] : [{ message, path: `data[${key}]` }];
        });
    },
  },
];

function secretIn(name: string, value: string): string | undefined {
  const token = tokenIn(value);
  if (token !== undefined) return token;
  if (hasPasswordInAddress(value)) return "an address with its password";
  return isNamedSecret(name, value) ? "what looks like a secret" : undefined;
}
