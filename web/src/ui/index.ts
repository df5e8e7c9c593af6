// The design system's parts, by name. One line an entry, sorted.

export { default as Bars } from "./Bars.svelte";
export { default as BroughtBack } from "./BroughtBack.svelte";
export { default as Button } from "./Button.svelte";
export { default as ChoiceBox } from "./ChoiceBox.svelte";
export { confirm } from "./confirm.svelte";
export { copy } from "./copy";
export { default as Dialog } from "./Dialog.svelte";
export { forgetDraft, keepDraft, recallDraft } from "./drafts";
export { default as Empty } from "./Empty.svelte";
export { default as ErrorState } from "./ErrorState.svelte";
export { type ControlProps, default as Field } from "./Field.svelte";
export { default as Icon } from "./Icon.svelte";
export { default as IconButton } from "./IconButton.svelte";
export type { IconName } from "./icons";
export { default as Loading } from "./Loading.svelte";
export { default as Menu, type MenuItem } from "./Menu.svelte";
export { default as PageTitle } from "./PageTitle.svelte";
export { default as PickFile } from "./PickFile.svelte";
export { default as Progress } from "./Progress.svelte";
export { remPx } from "./rem.svelte";
export { default as Select } from "./Select.svelte";
export { default as Switch } from "./Switch.svelte";
export { BACK_KEYS, openDialog, type Shortcut, shortcuts } from "./shortcuts.svelte";
export { default as Tabs } from "./Tabs.svelte";
export { default as TextField } from "./TextField.svelte";
export { default as Thumb } from "./Thumb.svelte";
export { toasts } from "./toasts.svelte";
