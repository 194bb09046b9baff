/** The files of a pod that stand in for those of the machine: how names become addresses in it. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeResolvConf } from "../../../network/dns/resolv-conf.ts";
import type { SandboxConfig } from "../runtime.ts";
import type { PrivateFile } from "./private-files.ts";

const HOSTS = "/etc/hosts";
const KNOWN = new Set(["resolv.conf", "hosts"]);
/** Every user's containers read them. */
const FILE_MODE = 0o644;

const directoryOf = (podDirectory: string): string => join(podDirectory, "etc");

/** Written once, with the sandbox: pods keep the names that they started with. */
export async function makePodFiles(
  podDirectory: string,
  { dns, hostAliases = [] }: Pick<SandboxConfig, "dns" | "hostAliases">,
): Promise<void> {
  if (dns === undefined && hostAliases.length === 0) return;
  const directory = directoryOf(podDirectory);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const write = (name: string, text: string): Promise<void> =>
    writeFile(join(directory, name), text, { mode: FILE_MODE });
  if (dns !== undefined) await write("resolv.conf", writeResolvConf(dns));
  if (hostAliases.length === 0) return;
  const ofHost = await readFile(HOSTS, "utf8").catch(() => "127.0.0.1\tlocalhost\n");
  const lines = hostAliases.map(({ ip, hostnames }) => `${ip}\t${hostnames.join("\t")}\n`);
  const aliases = ["# Entries added by HostAliases.\n", ...lines].join("");
  await write("hosts", `${ofHost.replace(/\n?$/, "\n")}\n${aliases}`);
}

/** Those that the pod has. */
export async function podFiles(podDirectory: string): Promise<readonly PrivateFile[]> {
  const directory = directoryOf(podDirectory);
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => KNOWN.has(name))
    .map((name) => ({ source: join(directory, name), target: `/etc/${name}` }));
}
