import { isKubernetesVersion } from "../gitops/check/api-lifecycle.ts";
import { formats, type OutputFormat } from "../gitops/check/output/formats.ts";
import { SchemaLocationError } from "../gitops/check/json-schemas.ts";
import { InputError, readManifests, validatePaths } from "../gitops/check/validate-paths.ts";
import type { Manifest } from "../gitops/render/manifest.ts";
import type { InputOptions } from "../gitops/check/manifest-paths.ts";
import type { RenderEnvironment } from "../gitops/render/render-environment.ts";
import { UnknownProjectError } from "../gitops/policy/unknown-project-error.ts";
import { type CliContext, CliError, EXIT } from "./context.ts";

interface ValidateFlags {
  readonly output: OutputFormat;
  readonly strict?: boolean;
  readonly kubernetesVersion?: string;
  readonly schemaLocation?: readonly string[];
  readonly ignoreMissingSchemas?: boolean;
  readonly verbose?: boolean;
  readonly scan?: boolean;
  readonly policy?: readonly string[];
  readonly project?: string;
}

/** A pipe may bring a whole cluster, not a disk. */
const MAX_STDIN_BYTES = 256 * 1024 * 1024;

export async function validateManifests(
  this: CliContext,
  flags: ValidateFlags,
  ...paths: string[]
): Promise<void> {
  const version = flags.kubernetesVersion;
  if (version !== undefined && !isKubernetesVersion(version))
    throw new CliError(`--kubernetes-version ${version}: write a release, e.g. 1.33`);
  try {
    const given = await readManifests(flags.policy ?? []);
    const report = await validatePaths(paths, {
      readStdin: () => readStdin(this),
      renderFolder: folderRenderer(),
      strict: flags.strict === true,
      ignoreMissingSchemas: flags.ignoreMissingSchemas === true,
      ...(version === undefined ? {} : { kubernetesVersion: version.replace(/^v/, "") }),
      check: async (manifests) => {
        const isAsked = flags.scan === true || flags.project !== undefined;
        const isGantry = ({ object }: Manifest): boolean =>
          object.apiVersion.startsWith("gantry.dev/");
        // Most input has nothing that these checks are about: it need not wait for them to load.
        if (!isAsked && flags.policy === undefined && !manifests.some(isGantry)) return [];
        const { checkOffline } = await import("../gitops/policy/check-offline.ts");
        const found = await checkOffline(manifests, {
          given: given.manifests,
          scan: flags.scan === true,
          ...(flags.project === undefined ? {} : { project: flags.project }),
        });
        return [...given.findings, ...found];
      },
      ...(flags.schemaLocation === undefined ? {} : { schemaLocations: flags.schemaLocation }),
    });
    const color = this.process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
    const verbose = flags.verbose === true;
    this.process.stdout.write(formats[flags.output](report, { color, verbose }));
    if (report.findings.some(({ severity }) => severity === "error"))
      this.process.exitCode = EXIT.differs;
  } catch (error) {
    if (
      error instanceof InputError ||
      error instanceof SchemaLocationError ||
      error instanceof UnknownProjectError
    )
      throw new CliError(error.message, { cause: error });
    throw error;
  }
}

/** Rules of findings that only say that it cannot be rendered without a network. */
const OFFLINE = new Set(["render/remote", "render/helm-dependency"]);

/** Renders folders of Kustomize and Helm where the programs for it are there. */
function folderRenderer(): NonNullable<InputOptions["renderFolder"]> {
  let loading: Promise<RenderEnvironment> | undefined;
  return async (path) => {
    const { localEnvironment } = await import("./local-manifests.ts");
    const { diskSourceType, renderDisk } = await import("../gitops/render/render-disk.ts");
    loading ??= localEnvironment();
    const environment = await loading;
    const tool = await diskSourceType(path);
    if (tool === "directory" || !("program" in (await environment.programs.look(tool))))
      return undefined;
    if ((await environment.programs.sandboxProblem()) !== undefined) return undefined;
    const { signal } = new AbortController();
    const { objects, findings } = await renderDisk({ path, environment, signal });
    // Parts that only others can render, such as components and libraries, are checked there.
    const isPart = findings.some(({ rule }) => OFFLINE.has(rule) || rule === "render/part");
    return isPart ? undefined : { manifests: objects, findings };
  };
}

async function readStdin({ process: { stdin } }: CliContext): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of stdin as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > MAX_STDIN_BYTES)
      throw new CliError(`the input is larger than ${MAX_STDIN_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
