"""What AWS refuses or does with the templates, and neither cfn-lint nor the emulator knows. Each has its source."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from quart import Quart

import gateway.app
from infra import environment, template
from infra.cloudformation import HOLDS_DATA
from infra.environment import TEMPLATES
from pipeline.core.settings.gateway import GatewaySettings
from pipeline.core.settings.kafka import KafkaSettings
from pipeline.core.settings.web import WebSettings
from pipeline.core.ways import HEALER_GROUP, SERVICE_C
from tests.support import dockerfile
from tests.support.policy_statements import FILES, resources
from tests.support.running_system import ROOT
from web.app import create_app
from web.login.sessions import CALLBACK

SERVICES = {"Gateway": "gateway", "ServiceB": "service-b", "ServiceC": "service-c", "Web": "web"}
EVERY = [(file.name, name, resource) for file in FILES for name, resource in resources(file)]
PREFIX = "${Prefix}"


def properties(file: str, name: str) -> dict[str, Any]:
    [found] = [each["Properties"] for where, logical_id, each in EVERY if (where, logical_id) == (file, name)]
    return dict(found)


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for _, name, each in EVERY if each["Type"] == f"AWS::{kind}"}


def within(node: Any) -> list[Any]:
    """`node` and every value below it."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [node, *(each for value in below for each in within(value))]


def test_security_groups_are_described_in_letters_that_ec2_takes() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html: no apostrophe."""
    groups = [each["Properties"] for _, _, each in EVERY if each["Type"].startswith("AWS::EC2::SecurityGroup")]
    texts = [
        each[key]
        for each in within(groups)
        if isinstance(each, dict)
        for key in ("Description", "GroupDescription")
        if key in each
    ]
    assert len(texts) > 30
    assert not [text for text in texts if not re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_loop_has_a_resources_name(file: Any) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html"""
    body = template.parsed(file.read_text())
    loops = [name.rpartition("::")[2] for name in body["Resources"] if name.startswith("Fn::ForEach")]
    assert len(loops) == len(set(loops))
    taken = {*body["Resources"], *body.get("Parameters", {}), *body.get("Conditions", {}), *body.get("Outputs", {})}
    assert not taken & set(loops)


SCOPED = {
    ("AWS::ECS::Service", "ServiceName"),  # in its cluster
    ("AWS::EC2::VPCEndpoint", "ServiceName"),  # AWS' own
    ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName"),  # of its target
    ("AWS::RDS::DBProxyTargetGroup", "TargetGroupName"),  # of its proxy
    ("AWS::RDS::DBProxyTargetGroup", "DBProxyName"),  # a reference
    ("AWS::RDS::DBInstance", "DBName"),  # in the instance
    ("AWS::RDS::DBInstance", "DBParameterGroupName"),  # a reference
    ("AWS::RDS::DBInstance", "DBSubnetGroupName"),  # a reference
    ("AWS::RDS::DBInstance", "MasterUsername"),
    ("AWS::RDS::DBParameterGroup", "Family"),  # of its engine
    ("AWS::ApiGatewayV2::Stage", "StageName"),  # of its API
    ("AWS::Lambda::Permission", "FunctionName"),  # a reference
    ("AWS::EC2::FlowLog", "LogGroupName"),  # a reference
    ("AWS::CloudWatch::Alarm", "MetricName"),
}


def test_every_name_begins_with_its_environments() -> None:
    found = 0
    for file, name, resource in EVERY:
        for key, value in resource.get("Properties", {}).items():
            if (key.endswith(("Name", "name")) or key == "Family") and (resource["Type"], key) not in SCOPED:
                found += 1
                assert PREFIX in str(value), f"{file} {name} {key}"
    assert found > 15


def test_two_environments_have_no_stack_in_common() -> None:
    wanted = environment.read("example")
    assert wanted.prefix == "example-"
    assert [wanted.stack_name(stack) for stack in wanted.stacks] == [f"example-mensageria-{name}" for name in TEMPLATES]
    assert environment.read("local").stack_name("pipeline") == "mensageria"


def test_what_holds_data_outlives_its_stack_but_not_a_failed_creation() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html"""
    kept = {each["Type"] for _, _, each in EVERY if each.get("UpdateReplacePolicy") in ("Retain", "Snapshot")}
    assert kept == HOLDS_DATA
    for file, name, each in EVERY:
        if each["Type"] in HOLDS_DATA:
            assert each["DeletionPolicy"] in ("RetainExceptOnCreate", {"Ref": "WhenRemoved"}, "Snapshot"), name
            assert each["UpdateReplacePolicy"] == "Snapshot" if each["DeletionPolicy"] == "Snapshot" else "Retain", file
    when_removed = template.parsed(FILES[0].with_name("data.yaml").read_text())["Parameters"]["WhenRemoved"]
    assert when_removed["Default"] == "RetainExceptOnCreate"
    assert "WhenRemoved" in str(properties("data.yaml", "InternetGateway"))  # a policy is not updated by itself


def test_nothing_refuses_to_be_deleted_before_the_last_step() -> None:
    """What does would make the rollback of its own creation fail."""
    assert properties("data.yaml", "Database")["DeletionProtection"] == {"Ref": "Protect"}
    assert properties("template.yaml", "EventsTable")["DeletionProtectionEnabled"] == {
        "Fn::If": ["IsProtected", True, False]
    }
    attributes = properties("services.yaml", "Balancer")["LoadBalancerAttributes"]
    assert {"Key": "deletion_protection.enabled", "Value": {"Ref": "Protect"}} in attributes
    for file in FILES:
        protect = template.parsed(file.read_text())["Parameters"].get("Protect", {"Default": "false"})
        assert protect["Default"] == "false"


def test_the_proxy_comes_after_the_users_it_logs_in_with() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_TargetHealth.html: AUTH_FAILURE before."""
    order = list(TEMPLATES)
    assert order.index("data") < order.index("setup") < order.index("proxy") < order.index("services")
    assert [file for file, _, each in EVERY if each["Type"].startswith("AWS::RDS::DBProxy")] == ["proxy.yaml"] * 2


def test_kafka_is_in_kraft_mode_and_lets_in_nobody_without_a_right() -> None:
    """https://docs.aws.amazon.com/msk/latest/developerguide/metadata-management.html: the mode can't be changed."""
    assert template.parsed((ROOT / "infra" / "data.yaml").read_text())["Parameters"]["KafkaVersion"][
        "Default"
    ].endswith(".kraft")
    assert "allow.everyone.if.no.acl.found=false" in properties("data.yaml", "KafkaConfiguration")["ServerProperties"]
    sasl = properties("data.yaml", "Kafka")["ClientAuthentication"]["Sasl"]
    assert sasl == {"Scram": {"Enabled": True}, "Iam": {"Enabled": True}}


@pytest.mark.parametrize("service", SERVICES)
def test_an_outage_of_a_dependency_kills_no_task(service: str) -> None:
    """ECS replaces a task whose container or whose target is unhealthy:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html"""
    main = properties("services.yaml", f"{service}Task")["ContainerDefinitions"][0]
    ready = dockerfile.exec_form(SERVICES[service], "HEALTHCHECK")
    assert tuple(main["HealthCheck"]["Command"]) == ("CMD", *ready, "/healthz")
    assert main["HealthCheck"]["StartPeriod"] >= 60


def test_the_load_balancer_asks_for_liveness_and_gives_a_task_time() -> None:
    targets = of_type("ElasticLoadBalancingV2::TargetGroup")
    assert len(targets) == 2
    for group in targets.values():
        assert group["HealthCheckPath"] == "/healthz"
        assert group["UnhealthyThresholdCount"] >= 5
    behind = [each for each in of_type("ECS::Service").values() if "LoadBalancers" in each]
    assert len(behind) == 2
    assert all(each["HealthCheckGracePeriodSeconds"] >= 120 for each in behind)


def test_a_roll_out_leaves_the_number_of_tasks_to_autoscaling() -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html"""
    targets = [
        each["ResourceId"]["Fn::Sub"].rpartition("/")[2]
        for each in of_type("ApplicationAutoScaling::ScalableTarget").values()
        if each["ServiceNamespace"] == "ecs"
    ]
    for service in of_type("ECS::Service").values():
        assert ("DesiredCount" in service) != (service["ServiceName"] in targets)
    assert properties("services.yaml", "WebService")["DesiredCount"] == 1  # redrives live in its memory


def test_service_connect_stays_out_of_the_load_balancers_way() -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceConnectService.html: without a port of
    its own the proxy takes the container's, and ends a request after 15 s."""
    for service in of_type("ECS::Service").values():
        for offered in service["ServiceConnectConfiguration"].get("Services", []):
            [alias] = offered["ClientAliases"]
            if "LoadBalancers" in service:
                assert offered["IngressPortOverride"] != alias["Port"]
                assert offered["Timeout"]["PerRequestTimeoutSeconds"] > 30  # `Prefer: wait=30`
    assert "Services" not in properties("services.yaml", "WebService")["ServiceConnectConfiguration"]
    gateway = properties("services.yaml", "GatewayService")["ServiceConnectConfiguration"]["Services"][0]
    rules = properties("data.yaml", "GatewayGroup")["SecurityGroupIngress"]
    ports = {rule["SourceSecurityGroupId"]["Ref"]: rule["FromPort"] for rule in rules}
    assert ports == {"BalancerGroup": 8000, "WebGroup": gateway["IngressPortOverride"]}


def test_web_starts_after_the_names_that_it_calls() -> None:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html"""
    [web] = [each for _, name, each in EVERY if name == "WebService"]
    assert {"GatewayService", "ServiceBService", "ServiceCService"} <= set(web["DependsOn"])


METRICS = {
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): [{"QueueName"}],
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): [{"QueueName"}],
    ("AWS/SQS", "NumberOfMessagesDeleted"): [{"QueueName"}],
    # https://docs.aws.amazon.com/msk/latest/developerguide/metrics-details.html, of the level DEFAULT
    ("AWS/Kafka", "EstimatedMaxTimeLag"): [{"Cluster Name", "Consumer Group", "Topic"}],
    ("AWS/Kafka", "SumOffsetLag"): [{"Cluster Name", "Consumer Group", "Topic"}],
    ("AWS/Kafka", "KafkaDataLogsDiskUsed"): [{"Cluster Name", "Broker ID"}],
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"): [{"LoadBalancer", "TargetGroup"}],
    ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count"): [{"LoadBalancer"}],
    ("AWS/ApplicationELB", "HealthyHostCount"): [{"LoadBalancer", "TargetGroup"}],
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    ("AWS/ECS", "CPUUtilization"): [{"ClusterName", "ServiceName"}],
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    ("AWS/RDS", "FreeStorageSpace"): [{"DBInstanceIdentifier"}],
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", "Errors"): [{"FunctionName"}],
    ("AWS/Lambda", "Throttles"): [{"FunctionName"}],
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    ("AWS/DynamoDB", "WriteThrottleEvents"): [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}],
}


def test_alarms_and_scaling_read_metrics_that_exist() -> None:
    kinds = ("CloudWatch::Alarm", "ApplicationAutoScaling::ScalingPolicy")
    read = [
        each
        for kind in kinds
        for each in within(of_type(kind))
        if isinstance(each, dict) and "MetricName" in each and "Namespace" in each
    ]
    seen = set()
    for metric in read:
        key = (metric["Namespace"], metric["MetricName"])
        seen.add(key)
        assert {each["Name"] for each in metric["Dimensions"]} in METRICS[key]
        assert "Unit" not in metric  # it would leave out what AWS publishes in another
    assert seen == set(METRICS)


def watched(dimension: str) -> set[str]:
    """The values of `dimension` in the alarms, those of loops filled in."""
    values = [
        str(each["Value"])
        for each in within(of_type("CloudWatch::Alarm"))
        if isinstance(each, dict) and each.get("Name") == dimension
    ]
    names = [value.removeprefix("{'Fn::Sub': '").removesuffix("'}").replace(PREFIX, "") for value in values]
    return {name.replace("${Way}", way) for name in names for way in ("b", "c")}


def test_whatever_waits_in_a_queue_or_a_topic_rings() -> None:
    queues = {each["QueueName"]["Fn::Sub"].replace(PREFIX, "") for each in of_type("SQS::Queue").values()}
    assert watched("QueueName") == queues
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:9092")
    assert watched("Topic") == {kafka.topic, kafka.pending_topic}
    assert watched("Consumer Group") == {SERVICE_C, HEALER_GROUP}


def test_what_is_away_rings() -> None:
    alarms = of_type("CloudWatch::Alarm")
    for name in ("NoHealthyGateway", "NoTask&{Name}"):
        assert alarms[name]["TreatMissingData"] == "breaching"
    assert alarms["Lag"]["TreatMissingData"] == "missing"  # absent while the group is not stable


def test_scaling_by_waiting_messages_stops_while_none_is_stored() -> None:
    policy = of_type("ApplicationAutoScaling::ScalingPolicy")["QueueAge${Way}"]
    [expression] = [each["Expression"] for each in within(policy) if isinstance(each, dict) and "Expression" in each]
    assert expression == "IF(deleted > 0, age, 0)"


IMAGES = {
    "GatewayImage": "gateway",
    "ServiceBImage": "service-b",
    "ServiceCImage": "service-c",
    "WebImage": "web",
    "SetupImage": "setup",
}


def test_every_image_is_one_that_the_page_builds() -> None:
    used = {
        container["Image"]["Ref"]
        for task in of_type("ECS::TaskDefinition").values()
        for container in task["ContainerDefinitions"]
    }
    assert used == {*IMAGES, "CollectorImage"}
    assert set(IMAGES.values()) <= set(dockerfile.stages())
    page = (ROOT / "docs" / "aws.md").read_text()
    for parameter, target in IMAGES.items():
        assert f"| `{parameter}` | `{target}` |" in page
    assert "--platform linux/amd64" in page
    for task in of_type("ECS::TaskDefinition").values():
        assert task["RuntimePlatform"]["CpuArchitecture"] == "X86_64"


def test_every_task_knows_its_region_and_is_heard_in_each_of_its_containers() -> None:
    for name, task in of_type("ECS::TaskDefinition").items():
        main, *_ = task["ContainerDefinitions"]
        assert {"Name": "AWS_REGION", "Value": {"Ref": "AWS::Region"}} in main["Environment"], name
        assert all("LogConfiguration" in container for container in task["ContainerDefinitions"]), name


def test_traces_and_metrics_that_are_paid_by_number_are_few() -> None:
    for task in of_type("ECS::TaskDefinition").values():
        given = {each["Name"]: each["Value"] for each in task["ContainerDefinitions"][0]["Environment"]}
        collects = any(container["Name"] == "collector" for container in task["ContainerDefinitions"])
        assert collects == ("OTEL_EXPORTER_OTLP_ENDPOINT" in given)
        if collects:
            assert float(given["MENSAGERIA_TRACE_RATIO"]) <= 0.01
    assert properties("data.yaml", "Kafka")["EnhancedMonitoring"] == "DEFAULT"
    assert properties("setup.yaml", "Cluster")["ClusterSettings"] == [
        {"Name": "containerInsights", "Value": "disabled"}
    ]


def test_the_query_reaches_the_database_by_its_proxy_alone() -> None:
    lets_in = {
        name: {rule["SourceSecurityGroupId"]["Ref"] for rule in properties("data.yaml", name)["SecurityGroupIngress"]}
        for name in ("DatabaseGroup", "ProxyGroup")
    }
    assert lets_in == {"DatabaseGroup": {"ServiceBGroup", "ProxyGroup", "SetupGroup"}, "ProxyGroup": {"QueryGroup"}}


def forwarded(target: str) -> list[str]:
    """The path patterns that the load balancer forwards to the services behind `target`."""
    found = []
    for rule in of_type("ElasticLoadBalancingV2::ListenerRule").values():
        if rule["Actions"][0].get("TargetGroupArn") == {"Ref": target}:
            values = {each["Field"]: each for each in rule["Conditions"]}
            patterns = values["path-pattern"]["PathPatternConfig"]["Values"]
            # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
            assert len(patterns) + len(values["host-header"]["HostHeaderConfig"]["Values"]) <= 5
            found += patterns
    return found


def pages_of(app: Quart) -> set[str]:
    """The addresses of `app`, its variable parts filled in."""
    return {re.sub(r"<[^>]+>", "x", rule.rule) for rule in app.url_map.iter_rules()}


PRIVATE = {"/metrics", "/readyz", "/healthz"}


@pytest.mark.parametrize(
    "spelling", [*sorted(PRIVATE), "/%6detrics", "//metrics", "/metrics/", "/./metrics", "/METRICS"]
)
def test_metrics_and_health_are_not_public(spelling: str) -> None:
    """The rules compare the path as it was sent; a program decodes it."""
    for target in ("GatewayTargets", "WebTargets"):
        assert not [pattern for pattern in forwarded(target) if fnmatchcase(spelling, pattern)]


def test_all_else_of_the_gateway_is_public() -> None:
    patterns = forwarded("GatewayTargets")
    pages = pages_of(gateway.app.create_app(GatewaySettings(topic_arn="arn"))) - PRIVATE
    assert {page for page in pages if any(fnmatchcase(page, pattern) for pattern in patterns)} == pages


def test_all_else_of_web_is_public() -> None:
    patterns = forwarded("WebTargets")
    settings = WebSettings(gateway_url="http://127.0.0.1:1", query_url="http://127.0.0.1:1")
    pages = pages_of(create_app(settings)) - PRIVATE | {"/login", CALLBACK, "/login/ended", "/logout"}
    assert {page for page in pages if any(fnmatchcase(page, pattern) for pattern in patterns)} == pages
