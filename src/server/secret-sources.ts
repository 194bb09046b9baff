/** Where secret values come from that are not in Git in clear: keys to decrypt with, files, variables. */
import type { Client } from "../client/client.ts";
import { isStatus } from "../kube/status-error.ts";
import { Decryptors } from "../gitops/decrypt/decryptors.ts";
import { type SecretReferences, secretReferences } from "../gitops/decrypt/references.ts";
import { secrets } from "../kube/kinds/secret.ts";

export interface SecretSources {
  /** age identities for Applications that name no Secret with keys. */
  readonly ageKeyFile?: string;
  /** The directory whose files Secrets may refer to. */
  readonly filesDir?: string;
  /** What the names of the variables begin with that Secrets may refer to. */
  readonly envPrefix?: string;
}

/** What rendering needs of it; the keys that Applications name are in the cluster of `client`. */
export function secretSources(
  client: Client,
  { ageKeyFile, ...references }: SecretSources = {},
): { readonly decryptors: Decryptors; readonly references: SecretReferences } {
  return {
    decryptors: new Decryptors({
      ...(ageKeyFile !== undefined && { ageKeyFile }),
      readSecret: async (key) => {
        try {
          return await client.get(secrets, key);
        } catch (error) {
          if (isStatus(error, "NotFound")) return undefined;
          throw error;
        }
      },
    }),
    references: secretReferences(references),
  };
}
