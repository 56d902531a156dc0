/** What the keyboard does anywhere on the page; fields for text keep their keys. */

/** Calls the action that `actions` has for the key of `event`. */
export function runKey(event: KeyboardEvent, actions: Readonly<Record<string, () => void>>): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target as HTMLElement;
  const isTyping = target.matches("input, textarea, select, [contenteditable]");
  if (isTyping && event.key !== "Escape") return;
  const isControl = target.matches("button, a, summary, [role=tab]");
  if (isControl && (event.key === "Enter" || event.key === " ")) return;
  const action = actions[event.key === " " && event.shiftKey ? "Shift Space" : event.key];
  if (action === undefined || document.querySelector("dialog[open]") !== null) return;
  event.preventDefault();
  action();
}

/** Closes open menus; all but the one that holds `inside`. Returns whether there was one. */
export function closeMenus(inside?: Node): boolean {
  let isClosed = false;
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
    if (inside !== undefined && menu.contains(inside)) continue;
    menu.open = false;
    isClosed = true;
  }
  return isClosed;
}
