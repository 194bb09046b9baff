import { isIP } from "node:net";
import { buildCommand } from "@stricli/core";
import { AddressRanges } from "../../engine/network/address-ranges.ts";
import { parseListenAddress } from "../../server/listen-address.ts";
import { simulationFlags } from "../simulation-flags.ts";
import { parseSchedulers } from "../scheduler-profiles.ts";
import { dnsFlags } from "../dns-flags.ts";
import { parseAddressBlocks } from "../address-blocks.ts";
import { parseHostPathPrefixes } from "../host-path-prefixes.ts";
import { renderingFlags } from "../rendering-flags.ts";

function parseIPAddress(address: string): string {
  if (isIP(address) !== 0) return address;
  throw new Error(
    `${JSON.stringify(address)} is no IP address: write one, e.g. 127.0.0.1, or 0.0.0.0 for all`,
  );
}

const text = (brief: string, placeholder: string) =>
  ({ kind: "parsed", parse: String, brief, placeholder, optional: true }) as const;

/** Flags of everything that starts a server. */
export const serverFlags = {
  dataDir: {
    kind: "parsed",
    parse: String,
    brief: "Where everything is kept: database, certificates, pods, logs, kubeconfig",
    default: ".gantry",
    placeholder: "DIR",
  },
  apiListen: {
    kind: "parsed",
    parse: parseListenAddress,
    brief: "Address of the Kubernetes API (HTTPS); port 0 picks a free one",
    default: "127.0.0.1:6443",
    placeholder: "HOST:PORT",
  },
  listen: {
    kind: "parsed",
    parse: parseListenAddress,
    brief: "Address of webhooks, health and metrics (HTTP); port 0 picks a free one",
    default: "127.0.0.1:7575",
    placeholder: "HOST:PORT",
  },
  tlsCert: text("PEM certificate of the web listener; it speaks HTTPS then", "FILE"),
  tlsKey: text("PEM key of --tls-cert", "FILE"),
  nodeAddress: {
    kind: "parsed",
    parse: parseIPAddress,
    brief: "Address on which NodePorts and LoadBalancers listen; 0.0.0.0 for all",
    default: "127.0.0.1",
    placeholder: "IP",
  },
  loadBalancerAddresses: {
    kind: "parsed",
    parse: (ranges: string) => new AddressRanges(ranges),
    brief: "Addresses that LoadBalancers get, one each; this machine's own, shared, when absent",
    placeholder: "CIDR|FIRST-LAST,…",
    optional: true,
  },
  ingressHttp: {
    kind: "parsed",
    parse: parseListenAddress,
    brief: "Address of Ingresses (HTTP); 127.0.0.1:8081 when absent and free",
    placeholder: "HOST:PORT",
    optional: true,
  },
  ingressHttps: {
    kind: "parsed",
    parse: parseListenAddress,
    brief: "Address of Ingresses with TLS; 127.0.0.1:8444 when absent and free",
    placeholder: "HOST:PORT",
    optional: true,
  },
  ingressAccessLog: {
    kind: "boolean",
    brief: "Write each request through the Ingress to logs/ingress-access.log, without queries",
    optional: true,
    withNegated: false,
  },
  ingressExternalAddresses: {
    kind: "parsed",
    parse: parseAddressBlocks,
    brief: "Local addresses that ExternalName Services may lead the Ingress to; none when absent",
    placeholder: "CIDR,…",
    optional: true,
  },
  ...dnsFlags,
  hostPathPrefix: {
    kind: "parsed",
    parse: parseHostPathPrefixes,
    brief:
      "Directories that hostPath volumes may show, with what is below; none: no hostPath. Every path when absent",
    placeholder: "DIR,…",
    optional: true,
  },
  keepPods: {
    kind: "boolean",
    brief: "Leave pods running when gantry stops; the next start takes them over",
    optional: true,
    withNegated: false,
  },
  pollInterval: {
    kind: "parsed",
    parse: String,
    brief: "How often remote repositories are asked when no webhook comes",
    default: "3m",
    placeholder: "DURATION",
  },
  logLevel: {
    kind: "enum",
    values: ["debug", "info", "warn", "error", "silent"],
    brief: "What is logged, as JSON lines to stderr",
    default: "info",
  },
} as const;

export const up = buildCommand({
  loader: async () => (await import("../run-server.ts")).runUp,
  parameters: {
    flags: {
      ...serverFlags,
      repo: text("Git repository or folder to deploy: URL or path", "URL|DIR"),
      revision: text("Branch, tag or commit to follow; HEAD when absent", "REV"),
      path: text("Folder inside the repository", "PATH"),
      namespace: {
        kind: "parsed",
        parse: String,
        brief: "Namespace for objects that name none",
        default: "default",
        placeholder: "NS",
      },
      ageKey: text(
        "File with age keys that SOPS files may be decrypted with; $SOPS_AGE_KEY_FILE when absent",
        "FILE",
      ),
      secretFiles: text(
        "Directory of files that Secrets may take values from: ref+file://NAME",
        "DIR",
      ),
      ...renderingFlags,
      notifyLoopback: {
        kind: "boolean",
        brief: "Let Providers reach this machine itself, such as a forge on localhost",
        optional: true,
        withNegated: false,
      },
      secretEnv: text("Variables that Secrets may take values from: ref+env://PREFIX…", "PREFIX"),
      schedulers: {
        kind: "parsed",
        parse: parseSchedulers,
        brief:
          "Scheduler names beside default-scheduler that pods may ask for; with =pack they fill nodes one by one",
        placeholder: "NAME[=spread|pack],…",
        optional: true,
      },
      ...simulationFlags,
      runtime: {
        kind: "enum",
        values: ["process"],
        brief: "How containers run: as host processes",
        default: "process",
      },
    },
    aliases: { n: "namespace" },
  },
  docs: {
    brief: "Run engine and operator in the foreground",
    fullDescription:
      "Starts a Kubernetes API with everything behind it, and deploys what --repo says; each new commit is rolled out.\nStops cleanly on SIGTERM and SIGINT: exit status 0.\n\nExamples:\n  gantry up --repo .\n  gantry up --repo https://git.example.com/team/shop.git --revision main --path deploy\n  gantry up --data-dir /var/lib/gantry --listen 0.0.0.0:7575",
  },
});
