"""Can a service be had at a place: answered from live inventory."""
