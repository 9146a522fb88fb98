"""One file is one action; an action does one step of a task and never touches the queue."""
