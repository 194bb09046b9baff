/** Reads `.gitmodules`: which repository belongs where in the tree. */

export interface Submodule {
  readonly path: string;
  readonly url: string;
}

/**
 * The submodules that a `.gitmodules` file names; entries without path or URL are left out, and
 * every other setting (`update = !command` among them) has no meaning here.
 */
export function parseGitmodules(text: string): Submodule[] {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]\s*(?:[#;].*)?$/i.exec(line);
    if (header !== null) {
      const name = header[1] ?? "";
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
    } else if (/^\s*\[/.test(line)) section = undefined;
    else {
      const setting = /^\s*([a-zA-Z][a-zA-Z0-9-]*)\s*=\s*(.*)$/.exec(line);
      if (setting !== null)
        section?.set((setting[1] ?? "").toLowerCase(), valueOf(setting[2] ?? ""));
    }
  }
  const found: Submodule[] = [];
  for (const settings of sections.values()) {
    const [path, url] = [settings.get("path"), settings.get("url")];
    if (path !== undefined && url !== undefined)
      found.push({ path: path.replace(/\/+$/, ""), url });
  }
  return found;
}

/** A value without its quotes, escapes and comment. */
function valueOf(text: string): string {
  let value = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? "";
    if (character === '"') quoted = !quoted;
    else if (character === "\\") value += text[++i] ?? "";
    else if (!quoted && /[#;]/.test(character)) break;
    else value += character;
  }
  return value.trim();
}
