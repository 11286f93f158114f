import type { Principal } from "../channel/types.ts";

/** A stranger who wrote to a bot in a private chat, or tapped a button, and may be told so. */
export interface Denial {
  readonly bot: string;
  readonly chat: number;
  readonly principal: Principal;
  /** Of the button (callback_query.id); told to them alone. */
  readonly tap?: string;
}

/** What a stranger reads who tapped a button. */
export const refusedTap = "You may not decide this.";

/** What a stranger reads: nothing about agents or people, only the id the owner would need. */
export const denialText = (principal: Principal): string =>
  `This bot is private. If its owner wants you here, tell them your id: \`${principal}\``;
