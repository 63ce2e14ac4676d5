// Sends the form as JSON and shows what the application says to it.
const form = document.getElementById("move-in");
const answer = document.getElementById("answer");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch("/residents", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  const body = await response.json();
  if (response.ok) {
    location.reload();
    return;
  }
  const reasons = Object.entries(body.reasons ?? {}).map(([field, reason]) => `${field} ${reason}`);
  answer.textContent = reasons.join("; ") || body.error;
});
