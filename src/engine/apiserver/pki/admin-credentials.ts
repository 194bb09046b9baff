/** The administrator's token and the kubeconfig that carries it, both mode 0600. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { writeFileAtomically } from "./certificates.ts";

const TOKEN_BYTES = 32;

/** The token of the user `admin`, in the group `system:masters`: made once, kept across restarts. */
export async function ensureAdminToken(directory: string): Promise<string> {
  const path = join(directory, "admin.token");
  try {
    const token = (await readFile(path, "utf8")).trim();
    if (token !== "") return token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const token = randomBytes(TOKEN_BYTES).toString("hex");
  // Whoever makes the certificates may not have made the directory yet.
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, `${token}\n`);
  return token;
}

export interface KubeconfigFacts {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

export async function writeKubeconfig(path: string, facts: KubeconfigFacts): Promise<void> {
  const ca = Buffer.from(facts.ca).toString("base64");
  const content = stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        { name: "gantry", cluster: { server: facts.server, "certificate-authority-data": ca } },
      ],
      users: [{ name: "admin", user: { token: facts.token } }],
      contexts: [{ name: "gantry", context: { cluster: "gantry", user: "admin" } }],
      "current-context": "gantry",
    },
    { lineWidth: 0 },
  );
  await writeFileAtomically(path, content);
}
