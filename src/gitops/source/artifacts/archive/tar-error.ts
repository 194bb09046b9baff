import { SourceError } from "../../source-error.ts";

/** An archive that is not unpacked, and why: it is somebody's mistake or attack, not a race. */
export function refusedArchive(where: string, why: string): SourceError {
  return new SourceError("unsupported", {
    what: `the archive is not unpacked: ${why}`,
    where,
    advice: "Build it from regular files below one folder, with tar, helm package or flux push.",
  });
}

export function archiveTooLarge(where: string, why: string): SourceError {
  return new SourceError("too-large", {
    what: `the archive is not unpacked: ${why}`,
    where,
    advice: "Package only the manifests.",
  });
}
