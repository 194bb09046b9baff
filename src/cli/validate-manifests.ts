import { isKubernetesVersion } from "../gitops/check/api-lifecycle.ts";
import { formats, type OutputFormat } from "../gitops/check/output/formats.ts";
import { SchemaLocationError } from "../gitops/check/json-schemas.ts";
import { InputError, validatePaths } from "../gitops/check/validate-paths.ts";
import { type CliContext, CliError, EXIT } from "./context.ts";

interface ValidateFlags {
  readonly output: OutputFormat;
  readonly strict?: boolean;
  readonly kubernetesVersion?: string;
  readonly schemaLocation?: readonly string[];
  readonly ignoreMissingSchemas?: boolean;
  readonly verbose?: boolean;
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
    const report = await validatePaths(paths, {
      readStdin: () => readStdin(this),
      strict: flags.strict === true,
      ignoreMissingSchemas: flags.ignoreMissingSchemas === true,
      ...(version === undefined ? {} : { kubernetesVersion: version.replace(/^v/, "") }),
      ...(flags.schemaLocation === undefined ? {} : { schemaLocations: flags.schemaLocation }),
    });
    const color = this.process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
    const verbose = flags.verbose === true;
    this.process.stdout.write(formats[flags.output](report, { color, verbose }));
    if (report.findings.some(({ severity }) => severity === "error"))
      this.process.exitCode = EXIT.differs;
  } catch (error) {
    if (error instanceof InputError || error instanceof SchemaLocationError)
      throw new CliError(error.message, { cause: error });
    throw error;
  }
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
