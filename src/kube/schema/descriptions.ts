/** What fields mean, for documents and `explain`: loaded when asked for, because it is bulky. */
import { definitionFiles, descriptionFiles } from "../../../schemas/index.ts";

/** Definition name → field → text; the empty field is the definition itself. */
export type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The descriptions of these definitions; others may be among them. */
export async function loadDescriptions(definitionNames: Iterable<string>): Promise<Descriptions> {
  const wanted = new Set(definitionNames);
  const files = Object.entries(definitionFiles)
    .filter(([, content]) => Object.keys(content).some((name) => wanted.has(name)))
    .map(([file]) => file);
  const loaded = await Promise.all(
    files.map(async (file) => (await descriptionFiles[file]?.())?.default ?? {}),
  );
  return Object.assign({}, ...loaded) as Descriptions;
}
