// The words of the guide.

export const guide = {
  title: "Guide",
};
