// The words of one page.

export const channels = {
  title: "Channels",
};
