/** The flags that say where secret values come from which are not in Git in clear. */
import { resolve } from "node:path";
import type { SecretSources } from "../server/secret-sources.ts";

export interface SecretFlags {
  readonly ageKey?: string;
  readonly secretFiles?: string;
  readonly secretEnv?: string;
}

/** As for sops itself, `SOPS_AGE_KEY_FILE` names the keys; an empty variable counts as none. */
export function secretSourcesOf({
  ageKey,
  secretFiles,
  secretEnv,
}: SecretFlags = {}): SecretSources {
  const ageKeyFile = ageKey ?? (process.env["SOPS_AGE_KEY_FILE"] || undefined);
  return {
    ...(ageKeyFile !== undefined && { ageKeyFile: resolve(ageKeyFile) }),
    ...(secretFiles !== undefined && { filesDir: resolve(secretFiles) }),
    ...(secretEnv !== undefined && { envPrefix: secretEnv }),
  };
}
