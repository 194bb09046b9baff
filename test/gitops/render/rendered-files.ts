/** Renders an Application from files in memory with the stock programs. */
import {
  type RenderedApplication,
  renderApplication,
} from "../../../src/gitops/render/render-application.ts";
import { OutputCache } from "../../../src/gitops/render/programs/output-cache.ts";
import { Programs, type ProgramsOptions } from "../../../src/gitops/render/programs/programs.ts";
import { RenderCache } from "../../../src/gitops/render/render-cache.ts";
import type { RenderEnvironment } from "../../../src/gitops/render/render-environment.ts";
import type {
  Application,
  ApplicationSource,
  ApplicationSpec,
  ApplicationStatus,
} from "../../../src/kube/kinds/application.ts";
import type { JsonObject } from "../../../src/kube/object.ts";
import { findHelm, findKubectl, pathOf } from "../../stock-tools.ts";
import { memoryTree, type Planted } from "./memory-tree.ts";

export type Files = Readonly<Record<string, Planted>>;
export type SourceFields = Partial<ApplicationSource>;

const HELM = pathOf(await findHelm());
const KUBECTL = pathOf(await findKubectl());

/** Machines without namespaces, such as some containers, still test what programs make. */
const SANDBOX = (await new Programs().sandboxProblem()) === undefined ? "required" : "best-effort";

export function stockPrograms(options: ProgramsOptions = {}): Programs {
  return new Programs({ helm: HELM, kustomize: KUBECTL, sandbox: SANDBOX, ...options });
}

export function environmentWith(changes: Partial<RenderEnvironment> = {}): RenderEnvironment {
  return {
    cache: new RenderCache(),
    outputs: new OutputCache(),
    programs: stockPrograms(),
    kubeVersion: "1.35.0",
    apiVersions: ["apps/v1", "apps/v1/Deployment"],
    ...changes,
  };
}

export interface RenderFilesOptions {
  readonly environment?: RenderEnvironment;
  readonly spec?: Partial<ApplicationSpec>;
  readonly status?: ApplicationStatus;
  readonly signal?: AbortSignal;
}

export function renderFiles(
  files: Files,
  source: SourceFields,
  options: RenderFilesOptions = {},
): Promise<RenderedApplication> {
  return renderSources([{ files, source }], options);
}

export function renderSources(
  sources: readonly { readonly files: Files; readonly source: SourceFields }[],
  { environment = environmentWith(), spec, status, signal }: RenderFilesOptions = {},
): Promise<RenderedApplication> {
  const application: Application = {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name: "shop", namespace: "default" },
    spec: {
      destination: { namespace: "web" },
      sources: sources.map(({ source }, index) => ({ repoURL: `memory-${index}`, ...source })),
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
  return renderApplication({
    application,
    checkouts: sources.map(({ files, source }, index) => ({
      source: { repoURL: `memory-${index}`, ...source },
      commit: { id: `commit-${index}`, tree: memoryTree(files) },
    })),
    environment,
    signal: signal ?? new AbortController().signal,
  });
}

/** `Kind/name` of every object, with where it is written. */
export function placesOf({ manifests }: RenderedApplication): Record<string, string> {
  return Object.fromEntries(
    manifests.map(({ object, origin }) => [
      `${object.kind}/${object.metadata.name}`,
      `${origin.file}:${origin.line}`,
    ]),
  );
}

/** An object by its name. */
export function objectNamed(
  { manifests, errors }: RenderedApplication,
  name: string,
): JsonObject & { readonly metadata: JsonObject } {
  const found = manifests.find(({ object }) => object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${name}; ${errors.join("; ")}`);
  return found.object as unknown as JsonObject & { readonly metadata: JsonObject };
}

export const CONFIG_MAP = (name: string, value = "v"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`;

export const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: nginx:1
`;
