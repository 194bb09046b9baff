/** What was read from blobs, by blob id: a commit that changes one file costs one file. */
import { type ManifestFile, readManifestFile } from "./manifest-file.ts";
import type { YamlLimits } from "./yaml/yaml-document.ts";

/** Source bytes whose objects are kept: some 60,000 manifests of usual size. */
const DEFAULT_MAX_SOURCE_BYTES = 64 * 1024 * 1024;

export class RenderCache {
  /** Least recently used first. */
  readonly #files = new Map<string, ManifestFile>();
  readonly #maxSourceBytes: number;
  #sourceBytes = 0;

  constructor(maxSourceBytes = DEFAULT_MAX_SOURCE_BYTES) {
    this.#maxSourceBytes = maxSourceBytes;
  }

  get(blobId: string): ManifestFile | undefined {
    const cached = this.#files.get(blobId);
    if (cached === undefined) return undefined;
    this.#files.delete(blobId);
    this.#files.set(blobId, cached);
    return cached;
  }

  /** Reads a file and keeps the result. */
  read(blobId: string, bytes: Uint8Array, limits?: YamlLimits): ManifestFile {
    const file = readManifestFile(bytes, limits);
    if (this.#files.has(blobId)) return file;
    this.#files.set(blobId, file);
    this.#sourceBytes += bytes.length;
    for (const [id, oldest] of this.#files) {
      if (this.#sourceBytes <= this.#maxSourceBytes) break;
      this.#files.delete(id);
      this.#sourceBytes -= oldest.sourceBytes;
    }
    return file;
  }
}
