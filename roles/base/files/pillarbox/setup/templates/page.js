// Shows the buttons that copy a setting, where the browser allows that. Everything else works without.
"use strict";
const said = document.getElementById("said");
for (const button of navigator.clipboard ? document.querySelectorAll("button[data-copy]") : []) {
  const text = button.firstChild;
  const name = text.data;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    text.data = said.textContent = document.body.dataset.copied;
    setTimeout(() => {
      text.data = name;
      said.textContent = "";
    }, 2000);
  });
}
