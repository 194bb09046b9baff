/** Flags that say which Kustomize and Helm are used, and how far they are kept apart. */
import type { ProgramsOptions } from "../gitops/render/programs/programs.ts";
import type { SandboxMode } from "../gitops/render/programs/sandbox.ts";

export interface RenderingFlags {
  readonly kustomize?: string;
  readonly helm?: string;
  readonly renderSandbox?: SandboxMode;
}

const program = (brief: string) =>
  ({ kind: "parsed", parse: String, brief, placeholder: "PROGRAM", optional: true }) as const;

export const renderingFlags = {
  kustomize: program(
    "Which kustomize or kubectl renders; default: GANTRY_KUSTOMIZE, then the PATH",
  ),
  helm: program("Which helm renders; default: GANTRY_HELM, then the PATH"),
  renderSandbox: {
    kind: "enum",
    values: ["required", "best-effort"],
    brief:
      "Without Linux namespaces: refuse to run Kustomize and Helm, or run them with less isolation",
    optional: true,
  },
} as const;

export function renderingOptions(flags: RenderingFlags): ProgramsOptions {
  const { kustomize, helm, renderSandbox } = flags;
  return { kustomize, helm, sandbox: renderSandbox };
}
