// The words of one page.

export const onAir = {
  title: "On air",
};
