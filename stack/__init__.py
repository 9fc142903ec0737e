"""How the processes run on one machine: database, issuer, replicas, load balancer."""
