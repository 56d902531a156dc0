/** Copies text, also where the page is not served from a secure origin. */
import { emit } from "./base.ts";

/** Copies `text` and says so; `what` names it. */
export async function copyText(target: HTMLElement, text: string, what: string): Promise<void> {
  const isDone = await writeText(text);
  emit(target, "tr-say", isDone ? `${what} copied` : `The browser did not let ${what.toLowerCase()} be copied`);
}

async function writeText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "offscreen";
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isDone;
}
