"""Performance (TMF628) and thresholds (TMF649): the record face."""

from trunkline.kernel.tmf import Reference, Resource
from trunkline.oss.performance.entities import (
    DATA_ACCESS_ENDPOINT,
    MEASUREMENT_COLLECTION_JOB,
    ON_DEMAND_COLLECTION,
    PERFORMANCE_INDICATOR_GROUP_SPECIFICATION,
    PERFORMANCE_INDICATOR_SPECIFICATION,
    PERFORMANCE_MEASUREMENT,
    THRESHOLD,
    THRESHOLD_JOB,
    THRESHOLD_RULE,
    TRACKING_RECORD,
    DataAccessEndpoint,
    MeasurementCollectionJob,
    OnDemandCollection,
    PerformanceIndicatorGroupSpecification,
    PerformanceIndicatorSpecification,
    PerformanceMeasurement,
    Threshold,
    ThresholdJob,
    ThresholdRule,
    TrackingRecord,
)

COLLECTION = "No collector is part of this installation yet, so nothing was collected."

performance_indicator_specifications = Resource(
    PerformanceIndicatorSpecification, PERFORMANCE_INDICATOR_SPECIFICATION, domain="performance", hot=("name",)
)

performance_indicator_group_specifications = Resource(
    PerformanceIndicatorGroupSpecification,
    PERFORMANCE_INDICATOR_GROUP_SPECIFICATION,
    domain="performance",
    hot=("name",),
)

measurement_collection_jobs = Resource(MeasurementCollectionJob, MEASUREMENT_COLLECTION_JOB, domain="performance")

on_demand_collections = Resource(OnDemandCollection, ON_DEMAND_COLLECTION, domain="performance", unavailable=COLLECTION)

performance_measurements = Resource(PerformanceMeasurement, PERFORMANCE_MEASUREMENT, domain="performance")

tracking_records = Resource(TrackingRecord, TRACKING_RECORD, domain="performance")

data_access_endpoints = Resource(DataAccessEndpoint, DATA_ACCESS_ENDPOINT, domain="performance", hot=("name",))

threshold_rules = Resource(ThresholdRule, THRESHOLD_RULE, domain="performance", hot=("name",))

thresholds = Resource(
    Threshold,
    THRESHOLD,
    domain="performance",
    hot=("name",),
    references=(Reference("thresholdRule[*]", to=(threshold_rules,)),),
)

threshold_jobs = Resource(
    ThresholdJob, THRESHOLD_JOB, domain="performance", references=(Reference("performanceThreshold", to=(thresholds,)),)
)
