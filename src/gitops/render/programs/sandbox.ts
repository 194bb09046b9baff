/**
 * Where Kustomize and Helm run: what they see, what they may use, and what comes back. Two
 * implementations: `namespace-sandbox` (Linux, the default) and `best-effort-sandbox`.
 */
import type { FoundProgram } from "./find-program.ts";

/** `required`: refuse to run without isolation. `best-effort`: a directory of its own and limits. */
export type SandboxMode = "required" | "best-effort";

/** A file that the program sees; paths are relative, without `..`. */
export type SandboxFile =
  | { readonly path: string; readonly content: Uint8Array }
  | { readonly path: string; readonly link: string };

export interface SandboxRun {
  readonly program: FoundProgram;
  /** {@link ROOT_MARK} in an argument stands for the directory that holds the files. */
  readonly args: readonly string[];
  readonly files: readonly SandboxFile[];
  readonly signal: AbortSignal;
  /** @default MAX_RUN_MS */
  readonly timeMs?: number;
}

export interface SandboxResult {
  /** Undefined when it was killed. */
  readonly exitCode: number | undefined;
  readonly stdout: Uint8Array;
  /** Its end, at most {@link MAX_STDERR_BYTES}. Places are relative to the files' directory. */
  readonly stderr: string;
  /** Which limit ended it. */
  readonly stoppedBy?: "time" | "output" | "memory";
}

export interface Sandbox {
  /** Why nothing can be run, with advice; undefined when it can. */
  problem(signal?: AbortSignal): Promise<string | undefined>;
  /** @throws SourceError `missing-program` when there is no sandbox, `aborted` */
  run(run: SandboxRun): Promise<SandboxResult>;
}

/** Stands in arguments for the directory of the files, which differs between sandboxes. */
export const ROOT_MARK = "\u0001root";

/** Argo CD gives its generators 90 s; a template that takes a third of that is broken. */
export const MAX_RUN_MS = 30_000;
/** Of the program's data; the largest public charts need some 200 MiB. */
export const MAX_MEMORY_BYTES = 1024 * 1024 * 1024;
/** As much as all files of one directory may have together. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Kustomize and Helm say what is wrong in one line; a template's context adds some. */
export const MAX_STDERR_BYTES = 16 * 1024;
/** Go programs keep some twenty threads. */
export const MAX_THREADS = 256;
export const MAX_OPEN_FILES = 256;
/** All files that a program sees. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/** Nothing of ours: no home, no proxy, no kubeconfig, no plug-ins, no colours; the same everywhere. */
export function programEnvironment(scratch: string): Record<string, string> {
  return {
    HOME: scratch,
    TMPDIR: scratch,
    XDG_CONFIG_HOME: scratch,
    XDG_CACHE_HOME: scratch,
    XDG_DATA_HOME: scratch,
    HELM_PLUGINS: `${scratch}/none`,
    HELM_REGISTRY_CONFIG: `${scratch}/none`,
    HELM_REPOSITORY_CONFIG: `${scratch}/none`,
    HELM_NO_PLUGINS: "1",
    KUBECONFIG: `${scratch}/none`,
    LC_ALL: "C",
    TZ: "UTC",
    NO_COLOR: "1",
    GOMAXPROCS: "2",
    // The collector works harder before the limit ends the program.
    GOMEMLIMIT: String(Math.floor(MAX_MEMORY_BYTES * 0.8)),
    GOTRACEBACK: "none",
  };
}
