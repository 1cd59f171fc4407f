"""Policies and what they are made of (TMF723): the record face."""

from trunkline.kernel.policy.entities import (
    MANAGED_POLICY,
    MANAGED_POLICY_ACTION,
    MANAGED_POLICY_CONDITION,
    MANAGED_POLICY_CONSTRAINT,
    MANAGED_POLICY_EVENT,
    MANAGED_POLICY_EXPRESSION,
    MANAGED_POLICY_OPERATOR,
    MANAGED_POLICY_VARIABLE,
    POLICY_CATALOG,
    POLICY_DOMAIN,
    ManagedPolicy,
    ManagedPolicyAction,
    ManagedPolicyCondition,
    ManagedPolicyConstraint,
    ManagedPolicyEvent,
    ManagedPolicyExpression,
    ManagedPolicyOperator,
    ManagedPolicyVariable,
    PolicyCatalog,
    PolicyDomain,
)
from trunkline.kernel.tmf import Resource

managed_policies = Resource(ManagedPolicy, MANAGED_POLICY, domain="policy", hot=("name",))

managed_policy_actions = Resource(ManagedPolicyAction, MANAGED_POLICY_ACTION, domain="policy", hot=("name",))

managed_policy_conditions = Resource(ManagedPolicyCondition, MANAGED_POLICY_CONDITION, domain="policy", hot=("name",))

managed_policy_constraints = Resource(
    ManagedPolicyConstraint, MANAGED_POLICY_CONSTRAINT, domain="policy", hot=("name",)
)

managed_policy_events = Resource(ManagedPolicyEvent, MANAGED_POLICY_EVENT, domain="policy", hot=("name",))

managed_policy_expressions = Resource(
    ManagedPolicyExpression, MANAGED_POLICY_EXPRESSION, domain="policy", hot=("name",)
)

managed_policy_operators = Resource(ManagedPolicyOperator, MANAGED_POLICY_OPERATOR, domain="policy", hot=("name",))

managed_policy_variables = Resource(ManagedPolicyVariable, MANAGED_POLICY_VARIABLE, domain="policy", hot=("name",))

policy_catalogs = Resource(PolicyCatalog, POLICY_CATALOG, domain="policy", hot=("name",))

policy_domains = Resource(PolicyDomain, POLICY_DOMAIN, domain="policy", hot=("name",))
