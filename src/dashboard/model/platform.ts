/** What a session calls its platform, and which icon stands for it. */

export type PlatformIcon = "windows" | "apple" | "linux" | "android" | "playstation" | "xbox" | "switch";

export interface Platform {
  readonly name: string;
  /** Absent: the name is shown as text. */
  readonly icon?: PlatformIcon;
}

const aliases: readonly { readonly pattern: RegExp; readonly name: string; readonly icon: PlatformIcon }[] = [
  { pattern: /^(?:win(?:32|64|dows|gdk)?|wingdk|windows.*|cygwin|msys)$/, name: "Windows", icon: "windows" },
  { pattern: /^(?:mac|macos|osx|darwin|macosx)$/, name: "macOS", icon: "apple" },
  { pattern: /^(?:ios|iphoneos|iphone|ipados)$/, name: "iOS", icon: "apple" },
  { pattern: /^(?:tvos|appletv)$/, name: "tvOS", icon: "apple" },
  { pattern: /^(?:visionos|xros)$/, name: "visionOS", icon: "apple" },
  { pattern: /^(?:linux.*|unix|steamdeck|steamos)$/, name: "Linux", icon: "linux" },
  { pattern: /^(?:android.*|quest\d?)$/, name: "Android", icon: "android" },
  { pattern: /^(?:ps4|ps4pro|playstation4|orbis)$/, name: "PS4", icon: "playstation" },
  { pattern: /^(?:ps5|ps5pro|playstation5|prospero)$/, name: "PS5", icon: "playstation" },
  { pattern: /^(?:xboxone|xboxonegdk|xb1|xone)$/, name: "Xbox One", icon: "xbox" },
  { pattern: /^(?:xsx|xss|xboxseries.*|scarlett|xbox|gdk)$/, name: "Xbox Series", icon: "xbox" },
  { pattern: /^(?:switch2?|nx|nintendoswitch2?)$/, name: "Switch", icon: "switch" },
];

/** Returns name and icon of what a session calls its platform; unknown ones keep their text. */
export function platformOf(text: string): Platform {
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, "");
  const known = aliases.find(({ pattern }) => pattern.test(plain));
  return known === undefined ? { name: text } : { name: known.name, icon: known.icon };
}
