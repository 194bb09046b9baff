/** What it takes to render one source of an Application. */
import type { ApplicationSource } from "../../kube/kinds/application.ts";
import type { Tree } from "../source/source.ts";
import type { RenderEnvironment } from "./render-environment.ts";

export interface SourceRendering {
  readonly source: ApplicationSource;
  readonly tree: Tree;
  /** Trees that `$name/path` refers to. */
  readonly refs: ReadonlyMap<string, Tree>;
  readonly release: HelmRelease;
  readonly environment: RenderEnvironment;
  readonly signal: AbortSignal;
}

/** The same, once it is known which directory it is about. */
export interface DirectoryRendering extends SourceRendering {
  readonly directory: string;
}

export interface HelmRelease {
  /** Of the Application; a source may name another. */
  readonly name: string;
  readonly namespace: string;
  readonly isUpgrade: boolean;
}
